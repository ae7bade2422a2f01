/** What the mains of edge and balancer have in common: health checks, `/explain`, and figures found out when they are asked for. */
import type { Engine, EntryValue } from "#src/config/model.ts";
import type { ConfigUpdate, Rejection } from "#src/config/stream/update.ts";
import type { Probed } from "#src/health/target.ts";
import type { CollectedMetric } from "#src/metrics/registry.ts";
import { CertificateFigures } from "./certificate-figures.ts";
import { Explainer, type ExplainerContext } from "./explain.ts";
import { HealthChecks, type HealthChecksOptions } from "./health.ts";

export class PlaneMain implements AsyncDisposable {
  readonly collected: readonly CollectedMetric[];
  readonly #health: HealthChecks;
  readonly #explainer: Explainer;
  readonly #certificates = new CertificateFigures();

  constructor(engine: Engine, context: Omit<HealthChecksOptions, "probed"> & ExplainerContext) {
    this.#health = new HealthChecks({ ...context, probed: backendsOf });
    this.#explainer = new Explainer(engine, context);
    this.collected = [this.#health.metric, this.#certificates.metric];
  }

  apply(update: ConfigUpdate): Rejection[] {
    this.#explainer.apply(update);
    this.#certificates.apply(update);
    return this.#health.apply(update);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#health[Symbol.asyncDispose]();
  }
}

/** What is forwarded to. */
const backendsOf = (value: EntryValue): readonly Probed[] => (value.kind === "backend" ? [value] : []);
