// The names of copies: a conductor whose disk was copied has the same identity, and what is promised to one is not promised to the other.

/** Copies of a conductor are told apart by who looks on, and by nobody else. */
export const nameOfCopy = (conductor: string) => `${conductor}*`

/** As which the hub knows it. */
export const identityOf = (name: string) => name.replace('*', '')

/** Two names of one identity. */
export const areCopies = (one: string, other: string) => one !== other && identityOf(one) === identityOf(other)
