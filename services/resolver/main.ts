/** The recursive resolver: a caching DNS service for one's own networks, over UDP and TCP. */
import { randomBytes } from "node:crypto";
import { AnswerCache } from "#src/dns/resolver/answer-cache.ts";
import { AnswerComposer } from "#src/dns/resolver/compose.ts";
import { Infrastructure } from "#src/dns/resolver/infrastructure.ts";
import { RecursiveAnswer } from "#src/dns/resolver/recursive-answer.ts";
import { Resolver } from "#src/dns/resolver/resolver.ts";
import { RrSetCache } from "#src/dns/resolver/rrset-cache.ts";
import { declareDnsMetrics, DnsSlotCounters, RCODE_DIMENSION, rcodeLabel } from "#src/dns/server/dns-metrics.ts";
import { checkBind, LISTENER_OPTIONS, openQueryLog } from "#src/dns/server/listener-options.ts";
import { DnsListeners } from "#src/dns/server/listeners.ts";
import { Responder } from "#src/dns/server/responder.ts";
import { type AskFailure, UpstreamAsks } from "#src/dns/server/upstream-asks.ts";
import { FLAG } from "#src/dns/wire/header.ts";
import { counter, gauge } from "#src/metrics/declaration.ts";
import { OWN_NETWORKS } from "#src/net/prefix-set.ts";
import { defineService } from "#src/process/service.ts";
import { Poller } from "#src/reactor/poller.ts";
import { Tcp } from "#src/reactor/tcp.ts";
import { CacheFigures } from "./cache-figures.ts";
import { readServers } from "./servers.ts";

const ASK_FAILURES: readonly AskFailure[] = [
  "timeout",
  "refused",
  "unreachable",
  "forged",
  "forbidden",
  "overloaded",
  "badInput",
];

export const service = defineService({
  name: "resolver",
  help: "Recursive resolver: a caching DNS service for one's own networks, over UDP and TCP.",
  adminPort: 9642,
  options: {
    ...LISTENER_OPTIONS,
    port: { type: "integer", default: 10_054, min: 1, max: 65_535, help: "UDP and TCP port." },
    allow: { type: "list", default: OWN_NETWORKS, help: "Networks of clients that may ask; others are REFUSED." },
    stub: { type: "list", default: [], help: "Zones that are asked at fixed servers: ZONE=ADDRESS@PORT." },
    rootHints: { type: "string", default: "", help: "Master file of root hints; the built-in ones by default." },
    rootServers: { type: "list", default: [], help: "Root servers as ADDRESS@PORT, instead of root hints." },
    cacheBytes: {
      type: "bytes",
      default: 64 * 2 ** 20,
      min: 2 ** 20,
      max: 64 * 2 ** 30,
      help: "Memory of each data process for answers.",
    },
  },
  metrics: {
    ...declareDnsMetrics("fairway_resolver"),
    hits: counter("fairway_resolver_cache_hits_total", "Questions answered from the cache."),
    misses: counter("fairway_resolver_cache_misses_total", "Questions that servers had to be asked for."),
    evictions: counter("fairway_resolver_cache_evictions_total", "Answers put out of the cache before their time."),
    cacheBytes: gauge("fairway_resolver_cache_bytes", "Memory that kept answers take."),
    refused: counter("fairway_resolver_refused_total", "Questions of clients that may not ask, or without RD."),
    failed: counter("fairway_resolver_failures_total", "Resolutions that ended in SERVFAIL."),
    upstream: counter(
      "fairway_resolver_upstream_requests_total",
      "Questions that servers have answered, by response code.",
      RCODE_DIMENSION,
    ),
    upstreamFailures: counter(
      "fairway_resolver_upstream_failures_total",
      "Questions that servers have left without an answer, by reason.",
      { label: "reason", values: ASK_FAILURES },
    ),
  },
  tcpPorts: ({ port }) => [port],
  // What is wrong with the options is said once, before there are data processes.
  async main({ options }) {
    checkBind(options);
    readServers(options);
    return { [Symbol.asyncDispose]: () => Promise.resolve() };
  },
  async data({ options, metrics, log }) {
    const { hints, stubs, isAllowed, isAskable } = readServers(options);
    await using building = new AsyncDisposableStack();
    const poller = building.use(new Poller({ onFault: (error) => log.error("fault in a batch", { error }) }));
    const tcp = building.use(new Tcp(poller));
    // Strangers choose the names in the cache, so its hashes are secret.
    const seed = randomBytes(4).readInt32LE();
    const cache = new AnswerCache({ maxBytes: options.cacheBytes });
    building.use(new CacheFigures(cache, metrics));
    const resolver = new Resolver({
      cache: new RrSetCache(),
      infrastructure: new Infrastructure(),
      hints,
      stubs,
      random: Math.random,
    });
    const asks = building.use(
      new UpstreamAsks({
        tcp,
        isAskable: (action, address) => isAskable(action.server, address),
        settle: ({ ask }, outcome) => {
          const now = poller.now;
          if (typeof outcome === "string") {
            metrics.upstreamFailures.add(metrics.upstreamFailures.seriesOf(outcome), 1);
            recursive.perform(resolver.timeout(ask, now));
          } else {
            metrics.upstream.add(metrics.upstream.seriesOf(rcodeLabel(outcome.rcode)), 1);
            recursive.perform(resolver.response(ask, outcome, now));
          }
        },
      }),
    );
    const recursive = new RecursiveAnswer({
      cache,
      resolver,
      composer: new AnswerComposer(seed),
      isAllowed,
      ask: (action) => asks.ask(action),
      defer: (task) => poller.defer(task),
      clock: () => poller.now,
      counters: {
        hit: () => metrics.hits.add(0, 1),
        miss: () => metrics.misses.add(0, 1),
        refused: () => metrics.refused.add(0, 1),
        failed: () => metrics.failed.add(0, 1),
      },
    });
    let isDraining = false;
    const responder = new Responder({
      answer: (query, reply, now) => (isDraining ? "overloaded" : recursive.answer(query, reply, now)),
      counters: new DnsSlotCounters(metrics),
      errorFlags: FLAG.RA,
      seed,
      ...openQueryLog(poller, options),
    });
    const listeners = building.use(
      new DnsListeners(tcp, responder, {
        hosts: checkBind(options),
        port: options.port,
        maxConnections: options.maxConnections,
      }),
    );
    const stack = building.move();
    return {
      drain: () => {
        isDraining = true;
        return listeners.drain(() => recursive.pending);
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  },
});

if (import.meta.main) await service.run();
