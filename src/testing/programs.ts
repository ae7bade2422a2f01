/** The programs that tests and benches run against, and how each is installed. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const INSTALL: Readonly<Record<string, string>> = {
  cc: "apt-get install gcc libc6-dev",
  curl: "apt-get install curl",
  dig: "apt-get install bind9-dnsutils",
  dnsperf: "apt-get install dnsperf",
  h2load: "apt-get install nghttp2-client",
  h2spec: "go install github.com/summerwind/h2spec/cmd/h2spec@latest",
  haproxy: "apt-get install haproxy",
  go: "apt-get install golang, or https://go.dev/dl",
  helm: "go install helm.sh/helm/v4/cmd/helm@v4.1.4",
  "helm-unittest": ".ci/install-helm-unittest FOLDER, with FOLDER on the path",
  ip: "apt-get install iproute2",
  k6: "go install go.k6.io/k6@v1.8.1",
  kdig: "apt-get install knot-dnsutils",
  kubeconform: "go install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0",
  kubectl: "https://kubernetes.io/docs/tasks/tools/",
  "nc.openbsd": "apt-get install netcat-openbsd",
  ncat: "apt-get install ncat",
  nginx: "apt-get install nginx libnginx-mod-stream",
  nsd: "apt-get install nsd",
  openssl: "apt-get install openssl",
  prlimit: "apt-get install util-linux",
  promtool: "apt-get install prometheus",
  setpriv: "apt-get install util-linux",
  strace: "apt-get install strace",
  taskset: "apt-get install util-linux",
  unbound: "apt-get install unbound",
  varnishd: "apt-get install varnish",
  wrk: "apt-get install wrk",
};

/** Where programs are looked for: the path, and where servers are that are not in a user's path. */
export const PROGRAM_FOLDERS: readonly string[] = [
  ...(process.env["PATH"] ?? "").split(delimiter),
  "/usr/sbin",
  "/sbin",
];

export function isInstalled(program: string): boolean {
  return PROGRAM_FOLDERS.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The command that installs it. */
export function installCommand(program: string): string {
  const command = INSTALL[program];
  if (command === undefined) throw new Error(`Cannot say how ${program} is installed: it is not in the list`);
  return command;
}
