/** A Java service with Spring Boot's console format; now and then an exception with its stack. */
import { type Dice, type Program, padded } from './dice.ts';

const classes = [
  'com.example.billing.account.AccountService',
  'com.example.billing.invoice.InvoiceController',
  'com.example.billing.payment.PaymentGatewayClient',
  'com.example.billing.settlement.SettlementJob',
] as const;

const inner = [
  'org.springframework.transaction.interceptor.TransactionInterceptor.invoke(TransactionInterceptor.java:119)',
  'org.springframework.aop.framework.ReflectiveMethodInvocation.proceed(ReflectiveMethodInvocation.java:184)',
  'org.springframework.aop.framework.CglibAopProxy$DynamicAdvisedInterceptor.intercept(CglibAopProxy.java:768)',
  'java.base/jdk.internal.reflect.DirectMethodHandleAccessor.invoke(DirectMethodHandleAccessor.java:103)',
  'org.springframework.web.method.support.InvocableHandlerMethod.doInvoke(InvocableHandlerMethod.java:255)',
  'org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1089)',
  'org.apache.catalina.core.ApplicationFilterChain.internalDoFilter(ApplicationFilterChain.java:195)',
  'org.apache.tomcat.util.net.NioEndpoint$SocketProcessor.doRun(NioEndpoint.java:1741)',
  'java.base/java.lang.Thread.run(Thread.java:1583)',
] as const;

function stack(dice: Dice): string[] {
  const full = dice.pick(classes);
  const problem = dice.weighted([
    [`java.net.SocketTimeoutException: Read timed out after ${dice.int(2000, 5000)} ms`, 4],
    [
      `org.springframework.dao.DataIntegrityViolationException: could not execute statement [ERROR: duplicate key value violates unique constraint "invoice_number_key" Detail: Key (number)=(INV-${dice.int(100_000, 999_999)}) already exists.]`,
      3,
    ],
    [
      `com.example.billing.payment.CardDeclinedException: card declined by issuer, code ${dice.int(10, 99)}, payment ${dice.uuid()}`,
      3,
    ],
  ]);
  const own = Array.from({ length: dice.int(2, 6) }, () => {
    const method = dice.pick(['handle', 'charge', 'lambda$apply$0', 'findOpen', 'settle']);
    return `\tat ${full}.${method}(${full.split('.').at(-1)}.java:${dice.int(20, 400)})`;
  });
  const from = dice.int(0, 3);
  return [problem, ...own, ...inner.slice(from).map((frame) => `\tat ${frame}`)];
}

/** Which logger says what. */
function message(dice: Dice): [logger: string, text: string] {
  const account = dice.int(10_000, 99_999);
  const money = (): string => dice.logNormal(150, 3).toFixed(2);
  return dice.weighted([
    [
      [
        'c.e.b.i.InvoiceController',
        `Invoice INV-${dice.int(100_000, 999_999)} created for account ${account} total=${money()} EUR`,
      ],
      25,
    ],
    [
      [
        'c.e.b.p.PaymentGatewayClient',
        `Charging payment ${dice.uuid()} via gateway stripe, attempt ${dice.chance(0.9) ? 1 : 2}`,
      ],
      20,
    ],
    [
      [
        'c.e.b.i.InvoiceController',
        `Completed ${dice.pick(['GET', 'POST', 'PUT'])} /api/accounts/${account}/invoices in ${dice.logNormal(35, 2).toFixed(0)} ms`,
      ],
      30,
    ],
    [
      [
        'o.s.k.l.KafkaMessageListenerContainer',
        `Consumed record from topic billing.events-${dice.int(0, 11)} offset=${dice.int(81_000_000, 82_000_000)} key=${dice.uuid()}`,
      ],
      20,
    ],
    [
      [
        'c.e.b.a.AccountService',
        `Account ${account} balance changed from ${money()} to ${money()}`,
      ],
      15,
    ],
  ]);
}

/** See the module comment. */
export const spring: Program = (dice) => {
  // A request says two or three things in one thread under one trace, among others' lines.
  const request = (): { thread: string; trace: string; left: number } => ({
    thread: dice.weighted([
      [`nio-8080-exec-${dice.int(1, 40)}`, 60],
      [`ntainer#0-${dice.int(0, 5)}-C-1`, 25],
      [`scheduling-${dice.int(1, 4)}`, 15],
    ]),
    trace: `${dice.hex(32)},${dice.hex(16)}`,
    left: Math.ceil(dice.exponential(2)),
  });
  const requests = Array.from({ length: 12 }, request);
  const event = (timeMs: number): string[] => {
    const at = dice.int(0, requests.length - 1);
    const { thread, trace, left } = requests[at] ?? request();
    requests[at] = left > 1 ? { thread, trace, left: left - 1 } : request();
    const time = new Date(timeMs).toISOString().replace('Z', '+00:00');
    const isError = dice.chance(0.012);
    const usual = dice.weighted([
      ['INFO', 85],
      ['DEBUG', 12],
      ['WARN', 3],
    ]);
    const level = isError ? 'ERROR' : usual;
    const [logger, text] = message(dice);
    const place = `[billing,${trace}] [${thread.padStart(15)}] ${logger.padEnd(40)}`;
    const head = `${time} ${level.padStart(5)} 1 --- ${place} : `;
    if (!isError) return [head + text];
    return [`${head}Request ${padded(dice.int(0, 9_999_999), 8)} failed`, ...stack(dice)];
  };
  return { rate: 150, event };
};
