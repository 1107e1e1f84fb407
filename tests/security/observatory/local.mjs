// Loaded before the Observatory: whatever host it means, it is led to this machine's nginx, whose ports nobody else may know.
import http from "node:http";
import https from "node:https";

const PORTS = { 80: process.env.HTTP_PORT, 443: process.env.HTTPS_PORT };

for (const { Agent } of [http, https]) {
  const connect = Agent.prototype.createConnection;
  Agent.prototype.createConnection = function (options, done) {
    const port = PORTS[options.port];
    if (!port) throw new Error(`not a port of a site: ${options.port}`);
    return connect.call(this, { ...options, host: "127.0.0.1", hostname: "127.0.0.1", port }, done);
  };
}
