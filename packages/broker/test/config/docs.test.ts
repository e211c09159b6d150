import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { configDocsUrl, renderConfigDocs } from '../../../../tools/config-docs.ts'
import { brokerProperties, topicProperties } from '../../src/config/catalogue.ts'

test('docs/configuration.md is what the declarations say', () => {
  const committed = readFileSync(configDocsUrl, 'utf8')
  assert.ok(committed === renderConfigDocs(), 'docs/configuration.md is out of date: run node tools/config-docs.ts')
})

test('docs/configuration.md names every property', () => {
  const rendered = renderConfigDocs()
  for (const name of [...Object.keys(brokerProperties), ...Object.keys(topicProperties)]) {
    assert.ok(rendered.includes(`\n| \`${name}\``), name)
  }
})
