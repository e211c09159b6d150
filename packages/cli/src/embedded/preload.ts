import net from 'node:net'

/**
 * Node loads these modules of its own when they are first needed, by listening. Loading is the import's business, so that
 * a test that starts a broker waits for the broker alone. (As calls, because a bundler takes a bare import of such a
 * module for one without effect.)
 */
for (const name of ['node:cluster', 'node:dns']) process.getBuiltinModule(name)

// Compiles the pattern that every resolved address is compared with: 5 ms, once.
net.isIPv6('::1')
