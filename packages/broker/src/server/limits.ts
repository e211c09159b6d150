/** Bounds of the server that are not Kafka properties. Every one is listed in docs/limits.md. */

/** Requests of one connection that are being handled or wait for their turn to be answered. */
export const REQUESTS_IN_FLIGHT_MAX = 256
/** Bytes of such requests: reading stops above, and one more frame may already be on its way in. */
export const REQUEST_BYTES_IN_FLIGHT_MAX = 32 * 1024 * 1024
/**
 * Elements of all arrays of a request. A request is handled in one turn of the event loop, so this bounds what one
 * client can take of it; a longer one is malformed. Records of a batch are no elements.
 */
export const REQUEST_ELEMENTS_MAX = 25_000
/** Response bytes that wait for a slow reader before its next requests are read. */
export const RESPONSE_BYTES_PENDING_MAX = 4 * 1024 * 1024
/** A request's header (client id and tags) may not be longer: nothing legitimate comes near. */
export const CLIENT_ID_LOGGED_CHARS = 128
