import type { ConfigChange } from '@ottla/client'
import type { Command } from 'commander'
import { type CommandContext, type CommandModule, UsageError } from '../../command.ts'
import { addHidden } from '../../globals.ts'
import { parseConfigs } from '../topic/shared.ts'
import { addResourceAliases, change, oneResource, RESOURCES_HELP } from './shared.ts'

export const command: CommandModule = {
  completes: 'topics',

  configure(command: Command): void {
    command
      .argument('[resource]', 'what to configure, e.g. topic/orders')
      .argument('[name=value...]', 'the settings; name+=value and name-=value change lists')
      .option('--dry-run', 'check everything and change nothing')
    addResourceAliases(command)
    addHidden(command, '--add-config <settings>')
    command.addHelpText('after', `${RESOURCES_HELP}\n\nExample:\n  ottla config set topic/orders retention.ms=86400000`)
  },

  async run(context: CommandContext): Promise<number> {
    const { resource, rest } = oneResource(context)
    // kafka-configs wants values with commas in brackets.
    const aliased = ((context.options.addConfig as string | undefined)?.split(/,(?=[\w.-]+=)/) ?? []).map((setting) =>
      setting.replace(/=\[(.*)\]$/, '=$1'),
    )
    const changes = Object.entries(parseConfigs([...rest, ...aliased])).map(([name, value]): ConfigChange => {
      if (name.endsWith('+')) return { name: name.slice(0, -1), op: 'append', value }
      if (name.endsWith('-')) return { name: name.slice(0, -1), op: 'subtract', value }
      return { name, op: 'set', value }
    })
    if (changes.length === 0) throw new UsageError('give at least one setting as name=value')
    return change(context, resource, changes)
  },
}
