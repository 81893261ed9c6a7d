def ThreadPoolTaskRunner(max_workers): return None
