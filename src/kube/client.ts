/**
 * The API server's address and credentials, as kubectl and pods have them. KubeConfig of the client library knows the
 * ways to authenticate (service account tokens that rotate, certificates, exec plugins, OIDC) and is all that is taken from
 * it: its watch stops after 30 s without data, passes over lines that it cannot parse, asks for no bookmarks and no
 * pages, and makes an HTTP agent for each request.
 */
import { accessSync } from "node:fs";
import { Agent as HttpAgent, type OutgoingHttpHeaders } from "node:http";
import { Agent as HttpsAgent, type AgentOptions, type RequestOptions } from "node:https";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";
import type { KubeClient } from "./request.ts";
import { type Access, Transport } from "./transport.ts";

export interface KubeClientOptions {
  /** File of a kubeconfig. Default: KUBECONFIG, else the pod's service account, else ~/.kube/config. */
  readonly kubeconfig?: string;
  /** Of the kubeconfig; default: its current one. */
  readonly context?: string;
  /** Before the path at which a pod has its service account; default "". */
  readonly serviceAccountRoot?: string;
}

/** TCP keepalive: a server whose machine is gone is noticed in 40 s, also by a watch that waits. */
const KEEP_ALIVE_MS = 30_000;
const MAX_FREE_SOCKETS = 8;

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** Opens no connection. A string says why there is no usable configuration. */
export function openKubeClient(options: KubeClientOptions = {}): KubeClient | string {
  const config = new KubeConfig();
  const failure = load(config, options);
  if (failure !== undefined) return failure;
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    return `Cannot use the kubeconfig: it has no cluster for the context ${config.getCurrentContext()}`;
  if (!URL.canParse(cluster.server)) return `Cannot use the kubeconfig: the server ${cluster.server} is no URL`;
  const access = new ConfigAccess(config);
  const transport = new Transport(cluster.server, () => access.get());
  return {
    server: cluster.server,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? "default",
    request: (request) => transport.request(request),
    stream: (request) => transport.stream(request),
    [Symbol.dispose]: () => access[Symbol.dispose](),
  };
}

function load(
  config: KubeConfig,
  { kubeconfig, context, serviceAccountRoot = "" }: KubeClientOptions,
): string | undefined {
  const fromEnvironment = process.env["KUBECONFIG"] ?? "";
  try {
    if (kubeconfig !== undefined) config.loadFromFile(kubeconfig);
    else if (fromEnvironment.split(delimiter).some((file) => file !== "")) config.loadFromDefault();
    else if (
      process.env["KUBERNETES_SERVICE_HOST"] !== undefined &&
      isReadable(`${serviceAccountRoot}${SERVICE_ACCOUNT}`)
    )
      config.loadFromCluster(serviceAccountRoot);
    else if (isReadable(join(homedir(), ".kube", "config"))) config.loadFromFile(join(homedir(), ".kube", "config"));
    else return "Cannot find a cluster: set KUBECONFIG to a kubeconfig file";
  } catch (error) {
    return `Cannot read the kubeconfig: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (context === undefined) return undefined;
  if (config.getContextObject(context) === null) return `Cannot use the kubeconfig: it has no context ${context}`;
  config.setCurrentContext(context);
  return undefined;
}

/** Credentials of each request, and an agent that is kept for as long as they stay the same. */
class ConfigAccess implements Disposable {
  readonly #config: KubeConfig;
  #tls: AgentOptions = {};
  #agent: HttpAgent | HttpsAgent | undefined;

  constructor(config: KubeConfig) {
    this.#config = config;
  }

  async get(): Promise<Access> {
    const headers: OutgoingHttpHeaders = {};
    const options: RequestOptions = { headers };
    await this.#config.applyToHTTPSOptions(options);
    const { auth } = options;
    const common = { headers, ...(auth !== undefined && auth !== null && { auth }) };
    const cluster = this.#config.getCurrentCluster();
    // Through a proxy, only the library's agent knows the way.
    if (cluster?.proxyUrl !== undefined) return { ...common, agent: options.agent };
    const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
    const tls = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
    if (this.#agent === undefined || !isDeepStrictEqual(tls, this.#tls)) {
      closeFree(this.#agent);
      this.#tls = tls;
      this.#agent = makeAgent(cluster?.server ?? "", tls);
    }
    return { ...common, agent: this.#agent };
  }

  [Symbol.dispose](): void {
    this.#agent?.destroy();
  }
}

function makeAgent(server: string, tls: AgentOptions): HttpAgent | HttpsAgent {
  const options = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxFreeSockets: MAX_FREE_SOCKETS };
  if (server.startsWith("http:")) return new HttpAgent(options);
  const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
  return new HttpsAgent({ ...options, ...given });
}

/** Requests under way go on; connections with credentials of before are not used again. */
function closeFree(agent: HttpAgent | HttpsAgent | undefined): void {
  for (const sockets of Object.values(agent?.freeSockets ?? {})) for (const socket of sockets ?? []) socket.destroy();
}

function isReadable(file: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
}
