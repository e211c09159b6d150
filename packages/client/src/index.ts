export { Admin } from './admin/admin.ts'
export { Kafka } from './kafka.ts'
