/**
 * Struct layouts and constants of the Linux ABI, little-endian LP64, for x86-64 and arm64. All offsets are in bytes.
 * Only epoll_event differs: the kernel packs it on x86-64 (uapi/linux/eventpoll.h, EPOLL_PACKED).
 */
const packed = process.arch === "x64";

/** struct epoll_event { uint32 events; uint64 data; } */
export const EPOLL_EVENT = packed ? { size: 12, events: 0, data: 4 } : { size: 16, events: 0, data: 8 };

/** struct iovec { void *base; size_t length; } */
export const IOVEC = { size: 16, base: 0, length: 8 } as const;

/** struct msghdr, and struct mmsghdr { struct msghdr; unsigned length; } */
export const MMSGHDR = {
  size: 64,
  name: 0,
  nameLength: 8,
  iov: 16,
  iovLength: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  length: 56,
} as const;

/** struct sockaddr_in and sockaddr_in6; port in network order. */
export const SOCKADDR = {
  size: 28,
  family: 0,
  port: 2,
  v4Address: 4,
  v4Size: 16,
  v6FlowInfo: 4,
  v6Address: 8,
  v6Scope: 24,
  v6Size: 28,
} as const;

/** struct in_pktinfo { int interface; in_addr specificDestination; in_addr address; } as a whole control message. */
export const PKTINFO4 = { space: 32, length: 28, interface: 16, source: 20, destination: 24 } as const;

/** struct in6_pktinfo { in6_addr address; unsigned interface; } as a whole control message. */
export const PKTINFO6 = { space: 40, length: 36, address: 16, interface: 32 } as const;

export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_KEEPALIVE = 9;
export const SO_LINGER = 13;
export const SO_REUSEPORT = 15;

export const IPPROTO_IP = 0;
export const IP_PKTINFO = 8;
export const IP_MTU_DISCOVER = 10;
export const IP_BIND_ADDRESS_NO_PORT = 24;
export const IP_PMTUDISC_OMIT = 5;
export const IPPROTO_IPV6 = 41;
export const IPV6_MTU_DISCOVER = 23;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const TCP_USER_TIMEOUT = 18;

export const EPOLLIN = 0x001;
export const EPOLLOUT = 0x004;
export const EPOLLERR = 0x008;
export const EPOLLHUP = 0x010;
export const EPOLLRDHUP = 0x2000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const EPOLL_CLOEXEC = 0x80000;

export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;

export const SHUT_WR = 1;

export const F_SETPIPE_SZ = 1031;
export const F_GETPIPE_SZ = 1032;
export const F_DUPFD_CLOEXEC = 1030;
export const O_NONBLOCK = 0x800;
export const O_CLOEXEC = 0x80000;
export const EFD_CLOEXEC = 0x80000;
export const EFD_NONBLOCK = 0x800;
export const SPLICE_F_MOVE = 1;
export const SPLICE_F_NONBLOCK = 2;

/** libuv: uv_handle_type of uv_poll_t, and the event of uv_poll_start. */
export const UV_POLL = 8;
export const UV_READABLE = 1;
