// Every public entry point, so that every declaration file of ours is checked.
import * as broker from '@ottla/broker'
import * as client from '@ottla/client'
import * as cluster from '@ottla/cluster'
import * as net from '@ottla/net'
import * as protocol from '@ottla/protocol'
import * as records from '@ottla/protocol/records'
import * as runtime from '@ottla/runtime'
import * as node from '@ottla/runtime/node'
import * as sim from '@ottla/runtime/sim'
import * as storage from '@ottla/storage'
import * as ottla from 'ottla'

export const all: readonly object[] = [
  broker,
  client,
  cluster,
  net,
  protocol,
  records,
  runtime,
  node,
  sim,
  storage,
  ottla,
]
