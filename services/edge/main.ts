/** The edge: HTTP from a cache in front of backends. */
import { HTTP_METRICS } from "#src/http/engine/http-metrics.ts";
import { HealthBits } from "#src/memory/health-bits.ts";
import { Backends } from "#src/plane/backends.ts";
import { CACHE_METRICS, cacheMemory, CacheOwner, CacheUser } from "#src/plane/cache.ts";
import { HEALTH_METRICS, HEALTH_TARGETS } from "#src/plane/health.ts";
import { HttpLog } from "#src/plane/http-log.ts";
import { HttpPlane } from "#src/plane/http-plane.ts";
import { PLANE_OPTIONS } from "#src/plane/options.ts";
import { PlaneMain } from "#src/plane/plane-main.ts";
import { tcpPortsOf } from "#src/plane/ports.ts";
import { Sockets } from "#src/plane/sockets.ts";
import { UPSTREAM_METRICS, UpstreamFigures } from "#src/plane/upstream-figures.ts";
import { defineService } from "#src/process/service.ts";

const service = defineService({
  name: "edge",
  help: "Serves HTTP from a cache in front of backends.",
  adminPort: 9643,
  options: {
    ...PLANE_OPTIONS,
    cacheBytes: {
      type: "bytes",
      default: 268_435_456,
      min: 16_777_216,
      max: 17_179_869_184,
      help: "Memory for cached responses, shared by the service's processes.",
    },
  },
  metrics: { ...HTTP_METRICS, ...UPSTREAM_METRICS, ...CACHE_METRICS, ...HEALTH_METRICS },
  memory: ({ cacheBytes }) => ({ healthTargets: HEALTH_TARGETS, ...cacheMemory(cacheBytes) }),
  tcpPorts: (_options, entries) => tcpPortsOf("edge", entries),
  async main(context) {
    await using stack = new AsyncDisposableStack();
    const { poller } = stack.use(new Sockets(context.log));
    const cache = stack.use(new CacheOwner({ ...context, poller }));
    const plane = stack.use(new PlaneMain("edge", context));
    const owned = stack.move();
    return {
      collected: plane.collected,
      apply: (update) => plane.apply(update),
      ended: (row) => cache.ended(row),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  },
  async data(context) {
    const { options, log, metrics, segment, observe } = context;
    await using stack = new AsyncDisposableStack();
    const { poller, tcp, tls } = stack.use(new Sockets(log));
    const requests = stack.use(new HttpLog("edge", metrics, poller));
    const backends = stack.use(new Backends({ engine: "edge", tcp, tls, health: new HealthBits(segment) }));
    stack.use(new UpstreamFigures(backends, metrics));
    const cache = stack.use(new CacheUser({ ...context, poller }));
    const http = stack.use(
      new HttpPlane({
        front: cache.front,
        engine: "edge",
        tcp,
        tls,
        backends,
        observer: requests.observer,
        ticketKeys: segment.secret,
        bind: options.bind,
        observe,
      }),
    );
    const owned = stack.move();
    return {
      apply: (update) => {
        requests.apply(update);
        return [...backends.apply(update), ...http.apply(update)];
      },
      drain: () => http.drain(),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  },
});

if (import.meta.main) await service.run();
