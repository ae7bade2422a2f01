/** An IP address and port, as the reactor decodes it from a sockaddr and as logs, fields and ACLs read it. */
export interface Address {
  /** 4 or 6. An IPv4-mapped IPv6 address is given as family 4. */
  readonly family: 4 | 6;
  /** RFC 5952 text without brackets and port: `192.0.2.1`, `2001:db8::1`. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
}
