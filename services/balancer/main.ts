/** The balancer: HTTP by host and path, TCP and UDP, from clients to healthy backends. */
import { L4_METRICS } from "#src/balance/l4/l4-metrics.ts";
import { HTTP_METRICS } from "#src/http/engine/http-metrics.ts";
import { HealthBits } from "#src/memory/health-bits.ts";
import { Backends } from "#src/plane/backends.ts";
import { HEALTH_METRICS, HEALTH_TARGETS } from "#src/plane/health.ts";
import { HttpLog } from "#src/plane/http-log.ts";
import { HttpPlane } from "#src/plane/http-plane.ts";
import { L4Plane } from "#src/plane/l4-plane.ts";
import { PLANE_OPTIONS } from "#src/plane/options.ts";
import { PlaneMain } from "#src/plane/plane-main.ts";
import { tcpPortsOf } from "#src/plane/ports.ts";
import { Sockets } from "#src/plane/sockets.ts";
import { UPSTREAM_METRICS, UpstreamFigures } from "#src/plane/upstream-figures.ts";
import { defineService } from "#src/process/service.ts";

const service = defineService({
  name: "balancer",
  help: "Balances HTTP, TCP and UDP over backends.",
  adminPort: 9644,
  options: PLANE_OPTIONS,
  metrics: { ...HTTP_METRICS, ...UPSTREAM_METRICS, ...L4_METRICS, ...HEALTH_METRICS },
  memory: () => ({ healthTargets: HEALTH_TARGETS, slots: 0, arenaBytes: 0 }),
  tcpPorts: (_options, entries) => tcpPortsOf("balancer", entries),
  async main(context) {
    const plane = new PlaneMain("balancer", context);
    return {
      collected: plane.collected,
      apply: (update) => plane.apply(update),
      [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose](),
    };
  },
  async data({ options, log, metrics, segment, observe }) {
    await using stack = new AsyncDisposableStack();
    const { poller, tcp, tls } = stack.use(new Sockets(log));
    const requests = stack.use(new HttpLog("balancer", metrics, poller));
    const backends = stack.use(new Backends({ engine: "balancer", tcp, tls, health: new HealthBits(segment) }));
    stack.use(new UpstreamFigures(backends, metrics));
    const shared = {
      engine: "balancer",
      tcp,
      backends,
      bind: options.bind,
      observe,
    } as const;
    const http = stack.use(new HttpPlane({ ...shared, tls, observer: requests.observer, ticketKeys: segment.secret }));
    const l4 = stack.use(new L4Plane({ ...shared, metrics, writer: requests.writer }));
    const owned = stack.move();
    return {
      apply: (update) => {
        requests.apply(update);
        return [...backends.apply(update), ...http.apply(update), ...l4.apply(update)];
      },
      drain: async () => {
        await Promise.all([http.drain(), l4.drain()]);
      },
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  },
});

if (import.meta.main) await service.run();
