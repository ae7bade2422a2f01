/** Unbound with one thread, that asks one server for the bench's zone. */
import type { TestBed } from "../run/test-bed.ts";
import { accepts, Peer } from "./peer.ts";

export interface UnboundOptions {
  readonly port: number;
  /** The zone that is asked at `server`, a port of 127.0.0.1. */
  readonly zone: string;
  readonly server: number;
}

/** Caches as large as ours, so that a hot one stays hot; no trust anchor, since the zone is not signed. */
export async function startUnbound(bed: TestBed, { port, zone, server }: UnboundOptions): Promise<Peer> {
  const configuration = `server:
  interface: 127.0.0.1
  port: ${port}
  num-threads: 1
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "${bed.folder}"
  pidfile: ""
  do-not-query-localhost: no
  local-zone: "test." nodefault
  msg-cache-size: 64m
  rrset-cache-size: 128m
remote-control:
  control-enable: no
stub-zone:
  name: "${zone}"
  stub-addr: 127.0.0.1@${server}
`;
  const command = ["unbound", "-d", "-c", bed.write("unbound.conf", configuration)];
  const { server: core } = bed.cores;
  return bed.use(await Peer.start({ command, core, isReady: () => accepts(port) }));
}
