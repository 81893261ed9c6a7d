def DaskTaskRunner(address=None, cluster_kwargs=None): return None
