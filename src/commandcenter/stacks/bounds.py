"""What people may ask for a service, as the API and the command line both say it."""

LEAST_CPUS = 0.01  # the least that the kernel can
MOST_CPUS = 1024.0
LEAST_MEMORY_BYTES = 16 * 1024**2
MOST_MEMORY_BYTES = 2**50
LAST_PORT = 65535
