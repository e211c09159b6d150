import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SecureRandom } from '@ottla/runtime'
import { oauthBearer, plain, type SaslMechanism, scram } from '../../src/index.ts'

/** Answers with these texts, and keeps what is sent. */
async function exchange(mechanism: SaslMechanism, ...answers: string[]): Promise<string[]> {
  const sent: string[] = []
  await mechanism.authenticate(async (message) => {
    sent.push(message.toString())
    return Buffer.from(answers[sent.length - 1] ?? '')
  })
  return sent
}

test('PLAIN says name and password', async () => {
  assert.deepEqual(await exchange(plain('ann', 'pässword')), ['\0ann\0pässword'])
})

/** The nonce of the example in RFC 7677. */
const random = { bytes: () => Buffer.from('rOprNGfwEbeRWgbNEkqO', 'base64') } as unknown as SecureRandom
const challenge = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'
const verifier = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='

test('SCRAM-SHA-256 as in the example of RFC 7677', async () => {
  assert.deepEqual(await exchange(scram('sha256', 'user', 'pencil', random), challenge, verifier), [
    'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  ])
})

test('SCRAM names may hold its separators', async () => {
  const sent: string[] = []
  const refusing = scram('sha512', 'a=b,c', 'x', random).authenticate(async (message) => {
    sent.push(message.toString())
    return Buffer.from('e=unknown-user')
  })
  await assert.rejects(refusing, { name: 'SaslError', message: 'the broker refuses: unknown-user' })
  assert.deepEqual(sent, ['n,,n=a=3Db=2Cc,r=rOprNGfwEbeRWgbNEkqO'])
})

test('SCRAM does not believe a broker that cannot be', async () => {
  const wrong: [string[], RegExp][] = [
    [['r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'], /another exchange/],
    [['r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'], /another exchange/],
    [['r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1'], /^"1" iterations, where 4096 to 10000000 are sound/],
    [['r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999999'], /iterations/],
    [['r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0x1000'], /iterations/],
    [['r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096'], /no salt/],
    [[''], /another exchange/],
    [[challenge, 'v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='], /does not know the password itself/],
    [[challenge, 'v='], /does not know the password itself/],
    [[challenge, ''], /does not know the password itself/],
    [[challenge, 'e=invalid-proof'], /refuses: invalid-proof/],
  ]
  for (const [answers, message] of wrong) {
    const mechanism = scram('sha256', 'user', 'pencil', random)
    await assert.rejects(exchange(mechanism, ...answers), { name: 'SaslError', message }, answers.join(' '))
  }
})

test('OAUTHBEARER sends the token that it is given, and what belongs to it', async () => {
  let count = 0
  const mechanism = oauthBearer(() => ({ token: `t${++count}`, extensions: { cluster: 'lkc-1' } }))
  assert.deepEqual(await exchange(mechanism), ['n,,\x01auth=Bearer t1\x01cluster=lkc-1\x01\x01'])
  assert.deepEqual(await exchange(mechanism), ['n,,\x01auth=Bearer t2\x01cluster=lkc-1\x01\x01'])
})

test('OAUTHBEARER answers a refusal before it tells of it, and sends nothing that breaks the message', async () => {
  const sent: string[] = []
  const refused = oauthBearer(async () => ({ token: 'old' })).authenticate(async (message) => {
    sent.push(message.toString())
    return Buffer.from('{"status":"invalid_token"}')
  })
  await assert.rejects(refused, { message: 'the broker refuses the token: {"status":"invalid_token"}' })
  assert.deepEqual(sent, ['n,,\x01auth=Bearer old\x01\x01', '\x01'])
  for (const given of [{ token: 'a\x01b' }, { token: 'a', extensions: { 'x y': '1' } }]) {
    await assert.rejects(exchange(oauthBearer(() => given)), { name: 'SaslError', message: /cannot be sent/ })
  }
})
