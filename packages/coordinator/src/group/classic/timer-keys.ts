/** Names of a group's timers. */
export const sessionKey = (groupId: string, memberId: string): string => `session ${groupId} ${memberId}`
export const joinKey = (groupId: string): string => `join ${groupId}`
export const syncKey = (groupId: string): string => `sync ${groupId}`
