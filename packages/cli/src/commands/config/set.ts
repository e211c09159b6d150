import type { ConfigChange } from '@ottla/client'
import type { Command } from 'commander'
import { type CommandContext, type CommandModule, UsageError } from '../../command.ts'
import { addHidden, append, readPropertiesFile } from '../../globals.ts'
import { parseConfigs } from '../topic/shared.ts'
import { addResourceAliases, change, namesOf, oneResource, RESOURCES_HELP } from './shared.ts'

export const command: CommandModule = {
  completes: 'topics',

  configure(command: Command): void {
    command
      .argument('[resource]', 'what to configure, e.g. topic/orders')
      .argument('[name=value...]', 'the settings; name+=value and name-=value change lists')
      .option('--dry-run', 'check everything and change nothing')
    addResourceAliases(command)
    addHidden(command, '--add-config <settings>', append)
    addHidden(command, '--add-config-file <file>')
    // `kafka-configs --alter` does both at once.
    addHidden(command, '--delete-config <names>', append)
    command.addHelpText('after', `${RESOURCES_HELP}\n\nExample:\n  ottla config set topic/orders retention.ms=86400000`)
  },

  async run(context: CommandContext): Promise<number> {
    const { resource, rest } = oneResource(context)
    const { options } = context
    const { addConfig = [], deleteConfig = [] } = options as Record<string, string[] | undefined>
    // kafka-configs wants values with commas in brackets.
    const aliased = addConfig
      .flatMap((settings) => settings.split(/,(?=[\w.-]+=)/))
      .map((setting) => setting.replace(/=\[(.*)\]$/, '=$1'))
    const fromFile = options.addConfigFile === undefined ? [] : [...readPropertiesFile(options.addConfigFile)]
    const changes = [...fromFile, ...Object.entries(parseConfigs([...rest, ...aliased]))].map(
      ([name, value]): ConfigChange => {
        if (name.endsWith('+')) return { name: name.slice(0, -1), op: 'append', value }
        if (name.endsWith('-')) return { name: name.slice(0, -1), op: 'subtract', value }
        return { name, op: 'set', value }
      },
    )
    for (const name of namesOf(deleteConfig)) changes.push({ name, op: 'delete' })
    if (changes.length === 0) throw new UsageError('give at least one setting as name=value')
    return change(context, resource, changes)
  },
}
