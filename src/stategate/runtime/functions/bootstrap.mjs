// The program in a worker process of a Node.js function: loads the handler, then answers one invocation after the other.
//
// It runs by its path, on the `node` that the server found, and needs no package. What it does follows AWS's Node.js
// runtime interface client: its error shapes, its log lines, and what differs from nodejs24.x on.
//
// Started as: node bootstrap.mjs <control fd> <life fd or -1> <runtime> <separator in hex>, with the working directory
// at the code and Lambda's environment variables set. `protocol.py` describes the frames on the control socket.

import { existsSync, readFileSync, readSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { Writable } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";
import util from "node:util";

const READY = 0, RESULT = 1, ERROR = 2, INIT_ERROR = 3, LAST = 0x80;
const MAX_RESPONSE = 6291556;
const TASK_ROOT = "/var/task";
const RUNTIME_FILE = "/var/runtime/index.mjs";
const require = createRequire(import.meta.url);
const root = process.cwd();
const onAws = [
  [import.meta.url, `file://${RUNTIME_FILE}`],
  [fileURLToPath(import.meta.url), RUNTIME_FILE],
  [pathToFileURL(root).href, `file://${TASK_ROOT}`],
  [root, TASK_ROOT],
];
const [controlFd, lifeFd, runtime, separatorHex] = process.argv.splice(2, 4);
const separator = Buffer.from(separatorHex, "hex").toString("latin1");
const release = parseInt(runtime.slice("nodejs".length), 10);
const pausing = new Int32Array(new SharedArrayBuffer(4));

// --- living and dying -----------------------------------------------------------------------------------------------

// Where the kernel does not end the worker with the server, a thread reads the pipe that only the server keeps open.
async function dieWith(fd) {
  if (fd < 0) return;
  const { Worker } = await import("node:worker_threads");
  const watch = `require("fs").readSync(${fd}, Buffer.alloc(1)); process.kill(-${process.pid}, "SIGKILL");`;
  new Worker(watch, { eval: true }).unref();
}

// --- output ---------------------------------------------------------------------------------------------------------

function writeAll(fd, data) {
  for (let at = 0; at < data.length; ) {
    try {
      at += writeSync(fd, data, at);
    } catch (error) {
      // A child process that shares the pipe may have made it non-blocking.
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(pausing, 0, 0, 1);
    }
  }
}

// Output is in the pipe when `write` returns, so that it comes before the answer and survives process.exit.
function standardStream(fd) {
  const stream = new Writable({
    decodeStrings: true,
    write(chunk, _encoding, done) {
      writeAll(fd, chunk);
      done();
    },
  });
  stream.fd = fd;
  stream._type = "pipe";
  stream._destroy = (error, done) => done(error);
  return stream;
}

// Since nodejs24.x what is logged before the first invocation has a dash.
let requestId = release >= 24 ? "-" : undefined;

// A record of several lines stays one event: the separator stands for its line ends.
function logger(level) {
  return (message, ...more) => {
    const text = `${new Date().toISOString()}\t${requestId}\t${level}\t${util.format(message, ...more)}`;
    writeAll(1, Buffer.from(text.replaceAll("\n", separator) + "\n"));
  };
}

function patchConsole() {
  for (const [name, fd] of [["stdout", 1], ["stderr", 2]]) {
    Object.defineProperty(process, name, { value: standardStream(fd), configurable: true, enumerable: true });
  }
  for (const level of ["trace", "debug", "info", "warn", "error", "fatal"]) console[level] = logger(level.toUpperCase());
  console.log = console.info;
}

// An error as it is logged: its own properties, and its stack as lines.
function logError(what, thrown) {
  const error = thrown instanceof Error ? thrown : new Error(thrown);
  const fields = (_key, value) => {
    if (!(value instanceof Error)) return value;
    const shape = { errorType: value.name, errorMessage: shown(value.message), code: value.code, ...value };
    if (typeof value.stack === "string") shape.stack = shown(value.stack).split("\n");
    return shape;
  };
  let text;
  try {
    text = JSON.stringify(error, fields);
  } catch {
    text = JSON.stringify(failure(error));
  }
  console.error(what, `\t${text}`);
}

// --- errors ---------------------------------------------------------------------------------------------------------

// What Lambda reports by a name of its own.
class Fault extends Error {
  constructor(name, message) {
    super(message);
    Object.defineProperty(this, "name", { value: `Runtime.${name}`, enumerable: false });
    Error.captureStackTrace(this, Fault);
  }
}

// Text with the paths that it would have on AWS.
function shown(text) {
  return typeof text === "string" ? onAws.reduce((changed, [here, there]) => changed.replaceAll(here, there), text) : text;
}

function looksLikeAnError(value) {
  return util.types.isNativeError(value) || ["name", "message", "stack"].every((key) => value[key] && typeof value[key] === "string");
}

// The payload of a failure. Lambda puts the keys in this order.
function failure(thrown) {
  try {
    if (looksLikeAnError(thrown)) {
      const [errorType, errorMessage, stack] = [thrown.name, thrown.message, thrown.stack].map(
        (text) => shown(text)?.replaceAll("\x7f", "%7F"),
      );
      return { errorType, errorMessage, trace: stack.split("\n") };
    }
    return { errorType: typeof thrown, errorMessage: thrown.toString(), trace: [] };
  } catch {
    const errorMessage =
      "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack";
    return { errorType: "handled", errorMessage };
  }
}

// --- the handler ----------------------------------------------------------------------------------------------------

async function load(name) {
  if (name.includes("..")) {
    const hint = "Use absolute paths when specifying root directories in handler names.";
    throw new Fault("MalformedHandlerName", `'${name}' is not a valid handler name. ${hint}`);
  }
  const directory = path.dirname(name);
  const match = /^([^.]*)\.(.*)$/.exec(path.basename(name));
  if (match === null) throw new Fault("MalformedHandlerName", "Bad handler");
  const handler = exported(await loadModule(directory, match[1]), match[2].split("."));
  if (!handler) throw new Fault("HandlerNotFound", `${name} is undefined or not exported`);
  if (typeof handler !== "function") throw new Fault("HandlerNotFound", `${name} is not a function`);
  if (release >= 24 && handler.length >= 3) {
    throw new Fault(
      "CallbackHandlerDeprecated",
      "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify" +
        " this function to use a supported handler signature to use Node.js 24 or later. For more information see" +
        " https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.",
    );
  }
  return handler;
}

function exported(module, keys) {
  const find = (from) => keys.reduce((value, key) => value && value[key], from);
  return find(module) || (release >= 24 && find(module.default));
}

async function loadModule(directory, name) {
  try {
    return await importOrRequire(path.resolve(root, directory, name), directory, name);
  } catch (error) {
    if (error instanceof SyntaxError) {
      const fault = new Fault("UserCodeSyntaxError", String(error));
      fault.stack = error.stack;
      throw fault;
    }
    if (error?.code === "MODULE_NOT_FOUND" || error?.code === "ERR_MODULE_NOT_FOUND") hintAtSdk(error);
    if (error?.code === "MODULE_NOT_FOUND") throw new Fault("ImportModuleError", String(error));
    throw error;
  }
}

async function importOrRequire(file, directory, name) {
  if (existsSync(file)) return require(file);
  for (const extension of [".js", ".mjs", ".cjs"]) {
    const found = file + extension;
    if (!existsSync(found)) continue;
    const isModule = extension === ".mjs" || (extension === ".js" && inModulePackage(path.dirname(found)));
    return isModule ? await import(pathToFileURL(found).href) : require(found);
  }
  return require(require.resolve(name, { paths: [root, path.resolve(root, directory)] }));
}

// Whether the nearest package.json says that .js files are ES modules.
function inModulePackage(directory) {
  const file = path.join(directory, "package.json");
  if (existsSync(file)) {
    try {
      return JSON.parse(readFileSync(file, "utf8"))?.type === "module";
    } catch (error) {
      console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error);
      return false;
    }
  }
  return directory !== root && directory !== path.dirname(directory) && inModulePackage(path.dirname(directory));
}

// AWS's runtimes bring the AWS SDK along; this one does not, and says so where somebody looks for it.
function hintAtSdk(error) {
  const wanted = /Cannot find (?:module|package) '((?:@aws-sdk\/|@smithy\/|aws-sdk)[^']*)'/.exec(error.message);
  if (wanted !== null) {
    error.message += `\nStategate does not bundle the AWS SDK: put ${wanted[1]} into node_modules in the function's package.`;
  }
}

// --- the control socket ---------------------------------------------------------------------------------------------

// Reading blocks: between invocations the whole worker stands still, as Lambda freezes it.
function read(size) {
  const data = Buffer.allocUnsafe(size);
  for (let at = 0; at < size; ) {
    let count = 0;
    try {
      count = readSync(Number(controlFd), data, at, size - at, null);
    } catch (error) {
      if (error.code !== "ECONNRESET") throw error;
    }
    if (count === 0) process.exit(0);
    at += count;
  }
  return data;
}

function nextInvocation() {
  const sizes = read(8);
  const head = JSON.parse(read(sizes.readUInt32BE(0)));
  return [head, read(sizes.readUInt32BE(4)).toString()];
}

function send(kind, payload) {
  const head = Buffer.alloc(9);
  head.writeUInt8(kind, 0);
  head.writeUInt32BE(Math.ceil(process.memoryUsage.rss() / 1024), 1);
  head.writeUInt32BE(payload.length, 5);
  writeAll(Number(controlFd), Buffer.concat([head, payload]));
}

const encode = (value) => Buffer.from(JSON.stringify(value));

// [kind, payload] of a handler's result.
function marshal(result) {
  let text;
  try {
    text = JSON.stringify(result === undefined ? null : result);
  } catch {
    text = undefined;
  }
  if (text === undefined) {
    const problem = "Unable to stringify response body";
    const error = release >= 24 ? new Fault("JSONStringifyError", problem) : new Error(problem);
    logError("Invoke Error", error);
    return [ERROR, encode(failure(error))];
  }
  const payload = Buffer.from(text);
  if (payload.length > MAX_RESPONSE) {
    const errorMessage = `Response payload size exceeded maximum allowed payload size (${MAX_RESPONSE} bytes).`;
    return [ERROR, encode({ errorType: "Function.ResponseSizeTooLarge", errorMessage })];
  }
  return [RESULT, payload];
}

// --- the loop -------------------------------------------------------------------------------------------------------

class Runtime {
  constructor(handler) {
    this.handler = handler;
    this.whenIdle = () => {};
    this.current = undefined;
    this.answer = undefined;
    this.answered = true;
  }

  next() {
    const [head, payload] = nextInvocation();
    requestId = head.id;
    this.current = head;
    this.answered = false;
    this.answer = undefined;
    if (head.trace) process.env._X_AMZN_TRACE_ID = head.trace;
    else delete process.env._X_AMZN_TRACE_ID;
    // What happened while the worker stood still is seen first: connections that were closed, timers that are due.
    setImmediate(() => (release >= 24 ? this.handleOnce(head, payload) : this.handleOnceNonStreaming(head, payload)));
  }

  // Up to nodejs22.x: only promises and callbacks give a result; without either it is null once nothing is left to do.
  handleOnceNonStreaming(head, payload) {
    let first = true;
    // The first of all these functions counts, and only while its invocation is the current one.
    const once = (action) => (...given) => {
      if (!first || this.current !== head) return;
      first = false;
      this.whenIdle = () => {};
      action(...given);
    };
    const waits = { value: true };
    const succeed = (result) => this.succeed(head, result);
    const fail = (error) => this.fail(head, error ?? "handled");
    const done = (error, result) => (error === undefined || error === null ? succeed(result) : fail(error));
    const callback = (error, result) => {
      if ((error === undefined || error === null) && waits.value) this.whenIdle = () => succeed(result);
      else done(error, result);
    };
    const context = {
      get callbackWaitsForEmptyEventLoop() {
        return waits.value;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        waits.value = value;
      },
      succeed: once(succeed),
      fail: once(fail),
      done: once(done),
    };
    const called = once(callback);
    this.whenIdle = () => succeed(null);
    try {
      const result = this.handler(JSON.parse(payload), Object.assign(context, environmentData(), invocationData(head)), called);
      if (typeof result?.then === "function") result.then(context.succeed, context.fail);
    } catch (error) {
      called(error);
    }
  }

  // From nodejs24.x on: what the handler returns is awaited; a promise that never settles ends the process.
  async handleOnce(head, payload) {
    this.whenIdle = () => process.exit(13);
    try {
      this.succeed(head, await this.handler(JSON.parse(payload), { ...invocationData(head), ...environmentData() }));
    } catch (error) {
      this.fail(head, error);
    }
  }

  // What an earlier invocation left behind must not answer for the current one.
  succeed(head, result) {
    if (this.current === head) this.settle(...marshal(result));
  }

  fail(head, error) {
    if (this.current !== head) return;
    logError("Invoke Error", error);
    this.settle(ERROR, encode(failure(error)));
  }

  // The answer leaves after what this turn of the event loop still brings, such as a rejection that nobody handles.
  settle(kind, payload) {
    if (this.answer !== undefined) return;
    this.whenIdle = () => {};
    this.answer = [kind, payload];
    setImmediate(() => this.finish(0));
  }

  finish(flag) {
    if (this.answered || this.answer === undefined) return;
    this.answered = true;
    send(this.answer[0] | flag, this.answer[1]);
    if (flag === 0) setImmediate(() => this.next());
  }

  // Something failed outside of the handler's own course: it is the result if there is none yet, and the worker ends.
  crash(error, status) {
    if (!this.answered) {
      this.answer ??= [ERROR, encode(failure(error))];
      this.finish(LAST);
    }
    process.exit(status);
  }
}

function environmentData() {
  return {
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
  };
}

function invocationData(head) {
  return {
    clientContext: head.client ? JSON.parse(head.client) : undefined,
    identity: undefined,
    invokedFunctionArn: head.arn,
    awsRequestId: head.id,
    tenantId: undefined,
    ...(release >= 24 && { xRayTraceId: head.trace ?? undefined }),
    getRemainingTimeInMillis: () => head.deadline - Date.now(),
  };
}

// Streamed responses are refused where they are asked for, when the handler is loaded.
globalThis.awslambda = {
  streamifyResponse() {
    throw new Fault("MalformedStreamingHandler", "Stategate does not support response streaming (awslambda.streamifyResponse).");
  },
};

function failInit(error, status) {
  send(INIT_ERROR, encode(failure(error)));
  process.exit(status);
}

let crashed = failInit;
process.on("uncaughtException", (error) => {
  logError("Uncaught Exception", error);
  crashed(error, 129);
});
process.on("unhandledRejection", (reason, promise) => {
  const error = Object.assign(new Fault("UnhandledPromiseRejection", String(reason)), { reason, promise });
  logError("Unhandled Promise Rejection", error);
  crashed(error, 128);
});

patchConsole();
await dieWith(Number(lifeFd));
let handler;
try {
  handler = await load(process.env._HANDLER);
} catch (error) {
  logError(release >= 24 ? "Init Error" : "Uncaught Exception", error);
  failInit(error, 129);
}
const loop = new Runtime(handler);
crashed = (error, status) => loop.crash(error, status);
process.on("beforeExit", () => loop.whenIdle());
send(READY, Buffer.alloc(0));
loop.next();
