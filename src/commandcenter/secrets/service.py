class SecretService:
    async def resolve(self, name, wanted):
        return {}
