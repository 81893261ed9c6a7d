class PREFECT_API_URL:
    value = staticmethod(lambda: None)
