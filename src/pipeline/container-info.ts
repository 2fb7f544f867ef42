/**
 * What labels of a container can be made of: what dockerd says of it, and the host. Plain data of
 * one run; it must never hold more of the environment than options select.
 */

/** See the module comment. */
export interface ContainerInfo {
  readonly containerId: string;
  /** Without the leading slash. */
  readonly containerName: string;
  readonly imageId: string;
  readonly imageName: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly entrypoint?: string | undefined;
  readonly args?: readonly string[] | undefined;
  /** `NAME=value` of the variables that options select. */
  readonly env?: readonly string[] | undefined;
  /** Where dockerd says that the log is; mostly nothing. */
  readonly logPath?: string | undefined;
  readonly logOpts: Readonly<Record<string, string>>;
  /** Name of the host; '' where it is not known. */
  readonly host: string;
}
