// The version of this conductor, as it tells the cloud.
export const VERSION = '0.1.0'
