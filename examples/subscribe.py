import asyncio
import os

from aiokafka import AIOKafkaConsumer


async def main() -> None:
    topic, servers = os.environ.get("KAFKA_TOPIC", "liuling.registry.v1"), os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    login = {}
    if name := os.environ.get("KAFKA_USERNAME"):
        login = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}
        login |= {"sasl_plain_username": name, "sasl_plain_password": os.environ["KAFKA_PASSWORD"]}
    seen = set()  # 正式系统：与效果同一事务的唯一约束 in earnest: a unique column, in the transaction of your effects
    async with AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest", **login) as consumer:
        async for record in consumer:
            header = {name: value.decode() for name, value in record.headers}
            if header["ce_id"] not in seen:
                seen.add(header["ce_id"])
                print(header["ce_type"], header["ce_subject"], flush=True)


asyncio.run(main())
