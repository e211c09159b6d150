import { boolean, choice, className, inert, int, long, password, refused, string } from '../property.ts'

/** Security. Authorisation, tokens and what both TLS and SASL share. Refused while it does not exist. */
// biome-ignore format: a table, two lines a property
export const securityProperties = {
  ...refused('Access rules are not enforced yet: let only trusted hosts reach the listeners (the default is this ' +
    'machine), and remove the key.', {
  'authorizer.class.name': string('', 'low', {},
    'Class that decides who may do what.'),
  'principal.builder.class': className('org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder',
    'medium', { update: 'per-broker' },
    'Class that names the authenticated peer.'),
  'super.users': string('', 'low', {},
    'Principals that are allowed everything, separated by semicolons.'),
  }),

  ...refused('Authentication is not built in yet: listeners are PLAINTEXT only; remove the key.', {
  'security.inter.broker.protocol': choice('PLAINTEXT', 'medium',
    { oneOf: ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] },
    'Security protocol between brokers.'),
  'security.providers': string(null, 'low', {},
    'Java classes that provide security algorithms.'),
  'connections.max.reauth.ms': long(0, 'medium', {},
    'Time in ms after which a SASL connection must authenticate again; 0 never.'),
  'delegation.token.secret.key': password('medium', {},
    'Secret that signs delegation tokens.'),
  'delegation.token.master.key': password('medium', { only: '3.9' },
    'Older name of `delegation.token.secret.key`.'),
  }),

  ...inert('delegation tokens are not served without their secret key', {
  'delegation.token.expiry.check.interval.ms': long(3600000, 'low', { min: 1 },
    'Time in ms between two looks for expired tokens.'),
  'delegation.token.expiry.time.ms': long(86400000, 'medium', { min: 1 },
    'Time in ms that a token lives without renewal.'),
  'delegation.token.max.lifetime.ms': long(604800000, 'medium', { min: 1 },
    'Longest life in ms of a token.'),
  }),

  ...inert('no access rules are enforced, every peer of a listener may do everything', {
  'allow.everyone.if.no.acl.found': boolean(false, 'low', {},
    'Whether a resource without rules is open to all.'),
  }),

  ...inert('no authentication takes place', {
  'sasl.server.max.receive.size': int(524288, 'medium', {},
    'Largest request in bytes of a connection that is not authenticated yet.'),
  'connection.failed.authentication.delay.ms': int(100, 'low', { min: 0 },
    'Time in ms that the answer to a failed authentication is held back.'),
  }),

  ...inert('no secret is kept in the metadata store', {
  'password.encoder.secret': password('medium', { only: '3.9' },
    'Secret with which passwords among the dynamic configs are encrypted.'),
  'password.encoder.old.secret': password('medium', { only: '3.9' },
    'The secret before, while it is being changed.'),
  'password.encoder.cipher.algorithm': string('AES/CBC/PKCS5Padding', 'low', { only: '3.9' },
    'Cipher for those passwords.'),
  'password.encoder.iterations': int(4096, 'low', { min: 1024, only: '3.9' },
    'Rounds of the key derivation.'),
  'password.encoder.key.length': int(128, 'low', { min: 8, only: '3.9' },
    'Key length in bits.'),
  'password.encoder.keyfactory.algorithm': string(null, 'low', { only: '3.9' },
    'Key derivation for those passwords.'),
  }),
}
