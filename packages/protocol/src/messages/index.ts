export * from './api-versions.ts'
