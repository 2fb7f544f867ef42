/** Entry of the command line. The only place in it where the process is ended. */
import { processOutput } from './output.ts';
import { runProgram } from './program.ts';

// What is created in a WAL is for its owner's eyes, as in the plugin.
process.umask(0o077);
process.exit(await runProgram(process.argv.slice(2), processOutput()));
