"""Apache Kafka in KRaft mode from its own jars: one node that is broker and controller."""

from deploy.local.kafka.broker import Kafka
from deploy.local.kafka.runtime import KafkaRuntime, NoKafka, prepare

__all__ = ["Kafka", "KafkaRuntime", "NoKafka", "prepare"]
