/** The authoritative DNS service: zones of the configuration, over UDP, TCP and TLS. */
import { Authority } from "#src/dns/auth/answer.ts";
import { compileZones } from "#src/dns/auth/compile-zones.ts";
import { declareDnsMetrics, DnsSlotCounters, ZONE_DIMENSION, zoneNumber } from "#src/dns/server/dns-metrics.ts";
import { checkBind, LISTENER_OPTIONS, openQueryLog } from "#src/dns/server/listener-options.ts";
import { DnsListeners } from "#src/dns/server/listeners.ts";
import { Responder } from "#src/dns/server/responder.ts";
import { formatName } from "#src/dns/wire/name-text.ts";
import type { Entry, EntryValue } from "#src/config/model.ts";
import { type Probed, targetKey } from "#src/health/target.ts";
import { HealthBits } from "#src/memory/health-bits.ts";
import { gauge } from "#src/metrics/declaration.ts";
import { HEALTH_METRICS, HEALTH_TARGETS, HealthChecks } from "#src/plane/health.ts";
import { defineService } from "#src/process/service.ts";
import { Poller } from "#src/reactor/poller.ts";
import { Tcp } from "#src/reactor/tcp.ts";
import { CertificateTable } from "#src/reactor/tls/certificate-store.ts";
import { TlsServer } from "#src/reactor/tls/tls-server.ts";
import { Tls } from "#src/reactor/tls/tls.ts";
import { CertificateFiles, readCertificate } from "./certificate-files.ts";
import { ZoneTable } from "./zone-table.ts";

const HANDSHAKE_MS = 5_000;
const CERTIFICATE_PERIOD_MS = 10_000;

const SERIAL_DIMENSION = {
  labels: ["zone"],
  cap: 1_000,
  tuples: ({ value }: Entry) => (value.kind === "zone" ? [[value.origin]] : []),
};

export const service = defineService({
  name: "dns",
  help: "Authoritative DNS: serves the zones of the configuration over UDP, TCP and TLS.",
  adminPort: 9641,
  options: {
    ...LISTENER_OPTIONS,
    port: { type: "integer", default: 10_053, min: 1, max: 65_535, help: "UDP and TCP port." },
    tlsPort: { type: "integer", default: 10_853, min: 1, max: 65_535, help: "Port of DNS over TLS (RFC 7858)." },
    tlsCertificate: {
      type: "string",
      default: "",
      help: "PEM file of the certificate chain for DNS over TLS, leaf first; without one there is none.",
    },
    tlsKey: { type: "string", default: "", help: "PEM file of that certificate's private key." },
  },
  metrics: {
    ...declareDnsMetrics("fairway_dns", ZONE_DIMENSION),
    certificateExpiry: gauge(
      "fairway_certificate_expiry_timestamp_seconds",
      "When the certificate in use ends; 0 without one.",
      {
        label: "name",
        values: ["dns-over-tls"],
      },
    ),
    ...HEALTH_METRICS,
    zoneSerial: gauge("fairway_dns_zone_serial", "Serial number of the zone that is served.", SERIAL_DIMENSION),
  },
  memory: () => ({ healthTargets: HEALTH_TARGETS, slots: 0, arenaBytes: 0 }),
  tcpPorts: ({ port, tlsPort, tlsCertificate }) => (tlsCertificate === "" ? [port] : [port, tlsPort]),
  // What is wrong with the options is said once, before there are data processes.
  async main(context) {
    checkBind(context.options);
    readCertificate(context.options);
    const health = new HealthChecks({ ...context, probed: probedNames });
    return {
      collected: [health.metric],
      apply: (update) => health.apply(update),
      [Symbol.asyncDispose]: () => health[Symbol.asyncDispose](),
    };
  },
  async data({ options, metrics, log, index, segment }) {
    await using building = new AsyncDisposableStack();
    const poller = building.use(new Poller({ onFault: (error) => log.error("fault in a batch", { error }) }));
    const tcp = building.use(new Tcp(poller));
    const health = new HealthBits(segment);
    const authority = new Authority(compileZones([]), (target) => health.isHealthy(target));
    const responder = new Responder({
      answer: (query, reply) => authority.answer(query, reply),
      counters: new DnsSlotCounters(metrics),
      ...openQueryLog(poller, options),
    });
    const tlsOptions: { tls?: { port: number; server: TlsServer } } = {};
    if (options.tlsCertificate !== "") {
      const tls = building.use(new Tls(poller));
      const certificates = new CertificateTable();
      building.use(
        new CertificateFiles({
          tls,
          table: certificates,
          paths: options,
          periodMs: CERTIFICATE_PERIOD_MS,
          onLoaded: (expiresAt) => {
            if (index === 0) metrics.certificateExpiry.set(0, expiresAt / 1000);
          },
          onRefused: (reason) => log.warn("certificate refused: the one before goes on", { reason }),
        }),
      );
      tlsOptions.tls = { port: options.tlsPort, server: building.use(createServer(tls, certificates, segment.secret)) };
    }
    const table = new ZoneTable((endpoint, checks) => {
      const key = targetKey(endpoint, checks);
      return key === "" ? -1 : health.claim(key);
    });
    const stack = building.move();
    const listen = (): DnsListeners =>
      stack.use(
        new DnsListeners(tcp, responder, {
          hosts: checkBind(options),
          port: options.port,
          maxConnections: options.maxConnections,
          ...tlsOptions,
        }),
      );
    let listeners: DnsListeners | undefined;
    return {
      apply(update) {
        const rejected = table.apply(update);
        const zones = [...table.zones.values()];
        authority.replace(compileZones(zones, ({ origin }) => zoneNumber(metrics, formatName(origin))));
        // Not before there are zones: the kernel gives queries to a listener at once, and they would be refused.
        listeners ??= listen();
        // One process speaks for all: the gauge is their sum.
        if (index === 0) {
          for (const zone of zones) {
            const series = metrics.zoneSerial.seriesOf([formatName(zone.origin)]);
            if (series !== 0) metrics.zoneSerial.set(series, zone.serial);
          }
        }
        return rejected;
      },
      drain: async () => listeners?.drain(() => 0),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  },
});

/** Names of zones that are a Backend's addresses. */
const probedNames = (value: EntryValue): readonly Probed[] => (value.kind === "zone" ? value.backends : []);

/** Ticket keys are those of all the service's processes: a session is resumed at any of them. */
function createServer(tls: Tls, certificates: CertificateTable, ticketKeys: Uint8Array): TlsServer {
  return new TlsServer(tls, { certificates, alpn: ["dot"], ticketKeys, handshakeMs: HANDSHAKE_MS });
}

if (import.meta.main) await service.run();
