/**
 * Node loads these modules of its own when they are first needed: secure randomness, and what listening takes. Loading
 * is the import's business, so that a test that starts a broker waits for the broker alone.
 */
import 'node:cluster'
import 'node:crypto'
import 'node:dns'
import net from 'node:net'

// Compiles the pattern that every resolved address is compared with: 5 ms, once.
net.isIPv6('::1')
