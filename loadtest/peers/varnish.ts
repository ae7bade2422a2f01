/** Varnish with a cache in memory. Its CPU time is in its child process. */
import type { TestBed } from "../run/test-bed.ts";
import { accepts, Peer } from "./peer.ts";

/** No jail: its user could not read the bed's folder. One pool of threads: the default of two makes them wait for each other on one core. */
export async function startVarnish(bed: TestBed, port: number, origin: number): Promise<Peer> {
  const { server: core } = bed.cores;
  const vcl = bed.write("varnish.vcl", `vcl 4.1;\nbackend default { .host = "127.0.0.1"; .port = "${origin}"; }\n`);
  const command = ["varnishd", "-j", "none", "-F", "-n", `${bed.folder}/varnish`, "-a", `127.0.0.1:${port}`, "-f", vcl];
  const options = ["-p", "thread_pools=1", "-s", "malloc,256m", "-i", "bench"];
  return bed.use(await Peer.start({ command: [...command, ...options], core, isReady: () => accepts(port) }));
}
