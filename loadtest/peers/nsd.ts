/** NSD with one server process: peer of the authoritative service, and what the resolvers ask. */
import type { TestBed } from "../run/test-bed.ts";
import { accepts, Peer } from "./peer.ts";

export interface NsdOptions {
  readonly core: number;
  readonly port: number;
  readonly origin: string;
  /** The zone's master file. */
  readonly text: string;
}

/** Response rate limiting off: the generator has one address. The rest is NSD's own default. */
export async function startNsd(bed: TestBed, { core, port, origin, text }: NsdOptions): Promise<Peer> {
  const configuration = `server:
  ip-address: 127.0.0.1
  port: ${port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "${bed.folder}"
  pidfile: ""
  database: ""
  xfrdfile: "${bed.folder}/xfrd.state"
  zonelistfile: "${bed.folder}/zone.list"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: ${origin}
  zonefile: ${bed.write("nsd.zone", text)}
`;
  const command = ["nsd", "-d", "-c", bed.write("nsd.conf", configuration)];
  return bed.use(await Peer.start({ command, core, isReady: () => accepts(port) }));
}
