/** Error numbers of Linux, the same on x86-64 and arm64. Wrappers return them negated: `-EAGAIN`. */
const EPERM = 1;
const ENOENT = 2;
export const EINTR = 4;
export const EIO = 5;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
const EACCES = 13;
export const EFAULT = 14;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const EPIPE = 32;
export const ENOSYS = 38;
const EMSGSIZE = 90;
export const EOPNOTSUPP = 95;
const EAFNOSUPPORT = 97;
const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const ENETDOWN = 100;
export const ENETUNREACH = 101;
export const ECONNABORTED = 103;
export const ECONNRESET = 104;
export const ENOBUFS = 105;
export const ETIMEDOUT = 110;
export const ECONNREFUSED = 111;
export const EHOSTDOWN = 112;
export const EHOSTUNREACH = 113;
export const EINPROGRESS = 115;

const REASONS: Readonly<Record<number, string>> = {
  [EPERM]: "operation not permitted",
  [ENOENT]: "no such file",
  [EBADF]: "bad descriptor",
  [ENOMEM]: "out of memory",
  [EACCES]: "permission denied",
  [EFAULT]: "range outside the slab",
  [EINVAL]: "invalid argument",
  [ENFILE]: "the machine is out of descriptors",
  [EMFILE]: "the process is out of descriptors",
  [EPIPE]: "the other side has closed",
  [ENOSYS]: "not known to this kernel",
  [EMSGSIZE]: "message too long",
  [EAFNOSUPPORT]: "address family not supported",
  [EADDRINUSE]: "address already in use",
  [EADDRNOTAVAIL]: "address not available on this machine",
  [ENETDOWN]: "network is down",
  [ENETUNREACH]: "network unreachable",
  [ECONNRESET]: "connection reset",
  [ENOBUFS]: "out of buffers",
  [ETIMEDOUT]: "timed out",
  [ECONNREFUSED]: "connection refused",
  [EHOSTUNREACH]: "host unreachable",
};

/** The words for an error number of either sign, for messages of the form "Cannot X: reason". */
export function errnoText(number: number): string {
  const positive = Math.abs(number);
  return REASONS[positive] ?? `error ${positive}`;
}
