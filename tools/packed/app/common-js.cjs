const { startBroker } = require('ottla')
const { Kafka } = require('@ottla/client')

if (typeof Kafka !== 'function') throw new Error('no Kafka in @ottla/client')
import('./round-trip.mjs').then(({ roundTrip }) => roundTrip(startBroker))
