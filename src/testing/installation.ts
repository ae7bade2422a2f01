/** Fairway as a user installs it: the chart in a namespace that enforces `restricted`, in the cluster that KUBECONFIG names. */
import { join } from "node:path";
import { demoApplication } from "./demo-application.ts";
import { goModuleFolder } from "./go-module.ts";
import { apply, getObject, kubectl, waitFor } from "./kubectl.ts";
import { runProgram } from "./run-program.ts";
import { until } from "./until.ts";

export const RELEASE = "fairway";
export const HOME = "fairway-system";
const ROOT = join(import.meta.dirname, "../..");
const CHART = join(ROOT, "charts/fairway");
export const DEPLOYMENTS = ["dns", "resolver", "edge", "balancer", "controller"] as const;

/** CRDs of Gateway API, which the chart does not bring. */
export async function installGatewayApi(): Promise<void> {
  const folder = join(goModuleFolder("sigs.k8s.io/gateway-api@v1.6.3"), "config/crd/standard");
  await kubectl("apply", "--server-side", "--force-conflicts", "-f", folder);
}

/** All CRDs. Helm leaves those that are there as it finds them. */
export async function installKinds(): Promise<void> {
  await installGatewayApi();
  await kubectl("apply", "--server-side", "--force-conflicts", "-f", join(ROOT, "manifests/crds"));
}

interface PodList {
  readonly items: readonly { readonly metadata: { readonly name: string; readonly deletionTimestamp?: string } }[];
}

/** One release; gone with all that it made when disposed. */
export class Installation implements AsyncDisposable {
  readonly #namespaces: string[] = [];

  /** Nothing yet, and nothing left of an earlier test that was cut off: to be installed by other means. */
  static async none(): Promise<Installation> {
    const installation = new Installation();
    await installation[Symbol.asyncDispose]();
    return installation;
  }

  /** `flags`: helm's. */
  static async make(...flags: readonly string[]): Promise<Installation> {
    const installation = await Installation.none();
    await installKinds();
    await kubectl("create", "namespace", HOME);
    await kubectl("label", "namespace", HOME, "pod-security.kubernetes.io/enforce=restricted");
    await helm("install", CHART, "--wait", "--timeout=120s", ...flags);
    return installation;
  }

  /** With the demo's application `web` in `namespace`, available, and these objects beside it. */
  static async serving(namespace: string, ...texts: readonly string[]): Promise<Installation> {
    const installation = await Installation.make();
    await installation.apply(namespace, demoApplication({ namespace, name: "web" }));
    for (const text of texts) await installation.apply(namespace, text);
    await waitFor("Available", namespace, "deployment/web");
    return installation;
  }

  /** Objects as YAML or JSON; `namespace`, which they make or are in, goes when this is disposed. */
  async apply(namespace: string, text: string): Promise<void> {
    if (!this.#namespaces.includes(namespace)) this.#namespaces.push(namespace);
    await apply(text);
  }

  async upgrade(...flags: readonly string[]): Promise<void> {
    await helm("upgrade", CHART, "--wait", "--timeout=180s", ...flags);
    await this.settled();
  }

  async restart(deployment: string): Promise<void> {
    await kubectl("-n", HOME, "rollout", "restart", `deployment/${deployment}`);
    await kubectl("-n", HOME, "rollout", "status", `deployment/${deployment}`, "--timeout=120s");
    await this.settled();
  }

  /** No pod is on its way out. */
  async settled(): Promise<void> {
    await until(
      "that old pods have ended",
      async () => {
        const { items } = await getObject<PodList>("-n", HOME, "pods");
        return items.every(({ metadata }) => metadata.deletionTimestamp === undefined) || undefined;
      },
      120_000,
    );
  }

  async uninstall(): Promise<void> {
    await helm("uninstall", "--wait", "--timeout=120s", "--ignore-not-found");
  }

  /** What the users of the release have made goes before it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const remove = async (...namespaces: readonly string[]): Promise<void> => {
      if (namespaces.length === 0) return;
      await kubectl("delete", "namespace", ...namespaces, "--ignore-not-found", "--timeout=120s");
    };
    await remove(...this.#namespaces);
    await this.uninstall();
    await remove(HOME);
  }
}

/** What helm says. */
export function helm(verb: string, ...args: readonly string[]): Promise<string> {
  return runProgram("helm", [verb, RELEASE, ...args, "--namespace", HOME], { timeoutMs: 300_000 });
}
