import { startBroker } from 'ottla'
import { roundTrip } from './round-trip.mjs'

await roundTrip(startBroker)
