/** HAProxy with one thread. */
import type { TestBed } from "../run/test-bed.ts";
import { accepts, Peer } from "./peer.ts";

/** `proxy` are the lines of one frontend or listen section. */
export async function startHaproxy(bed: TestBed, port: number, proxy: string): Promise<Peer> {
  const { server: core } = bed.cores;
  const configuration = `global
  maxconn 1500
  maxpipes 300
  nbthread 1
defaults
  timeout connect 5s
  timeout client 75s
  timeout server 75s
${proxy}`;
  const command = ["haproxy", "-db", "-f", bed.write("haproxy.cfg", configuration)];
  return bed.use(await Peer.start({ command, core, isReady: () => accepts(port) }));
}

/** What a reverse proxy does by habit: keep-alive on both sides, the client's address told to the origin. */
export const haproxyHttp = (port: number, origin: number): string => `frontend bench
  mode http
  option forwardfor
  bind 127.0.0.1:${port}
  default_backend origin
backend origin
  mode http
  server one 127.0.0.1:${origin}
`;
/** Spliced both ways: splice-auto was seen not to splice. */
export const haproxyTcp = (port: number, origin: number): string => `listen bench
  mode tcp
  option splice-request
  option splice-response
  bind 127.0.0.1:${port}
  server one 127.0.0.1:${origin}
`;
