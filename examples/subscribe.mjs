import kafkajs from "kafkajs";
import { decompress } from "fzstd";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;
CompressionCodecs[CompressionTypes.ZSTD] = () => ({ decompress: async (buffer) => Buffer.from(decompress(buffer)) });

const { KAFKA_BOOTSTRAP_SERVERS, KAFKA_USERNAME: username, KAFKA_PASSWORD: password } = process.env;
const sasl = username && { mechanism: "plain", username, password };
const kafka = new Kafka({ brokers: KAFKA_BOOTSTRAP_SERVERS.split(","), sasl, logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId: "subscriber-my-system" });
const seen = new Set(); // 正式系统：与效果同一事务的唯一约束 in earnest: a unique column, in the transaction of your effects
await consumer.subscribe({ topic: process.env.KAFKA_TOPIC ?? "liuling.registry.v1", fromBeginning: true });
await consumer.run({
  autoCommit: false, // 每次从头读 from the beginning at every start
  eachMessage: async ({ message: { headers } }) => {
    const id = headers.ce_id.toString();
    if (!seen.has(id)) console.log(`${headers.ce_type} ${headers.ce_subject}`);
    seen.add(id);
  },
});
