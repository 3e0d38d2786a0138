// Removes what runs that were killed outright left in the temp directory. Directories of runs that live are locked and stay.
import { removeStaleDirectories } from '../lab/namespaces.ts'

removeStaleDirectories()
