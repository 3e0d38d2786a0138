// Where a container image is (OCI distribution specification): oci://REGISTRY[:PORT]/NAME[:TAG][@DIGEST].
import { z } from 'zod'

/** As podman takes it: nothing in it is an option, a password or a path of the machine that fetches it. */
export const containerImageSchema = z
  .string()
  .max(1024)
  .regex(
    /^oci:\/\/[a-z0-9][a-z0-9.-]*(?::\d{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/i,
    'must be like oci://registry.example/name:tag',
  )
