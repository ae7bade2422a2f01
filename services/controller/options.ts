/** The controller's command line, beside what every program has. */
export const CONTROLLER_OPTIONS = {
  kubeconfig: {
    type: "string",
    default: "",
    help: "File of a kubeconfig; without one KUBECONFIG, else the pod's service account.",
  },
  namespace: { type: "string", default: "fairway-system", help: "Namespace that Fairway is installed in." },
  templates: {
    type: "string",
    default: "",
    help: "Folder with balancer.yaml and edge.yaml: pods of dedicated data planes.",
  },
  streamAddress: {
    type: "string",
    default: "127.0.0.1",
    help: "IP address of the config stream, which data planes connect to.",
  },
  streamPort: {
    type: "integer",
    default: 9647,
    min: 0,
    max: 65_535,
    help: "Port of the config stream; 0 takes a free one.",
  },
  streamSecret: {
    type: "string",
    default: "",
    help: "Folder with the stream's certificates, read when the API server is away.",
  },
} as const;
