/** The one importing file of lru-cache: bounded maps of the resolver's slow path. */
export { LRUCache } from "lru-cache";
