// SPDX-License-Identifier: Apache-2.0
// The part of u8-mqtt that the app uses; the package ships no types of its own.
declare module 'u8-mqtt/esm/basic-v5.js' {
  export interface Publish {
    topic: string;
    payload: Uint8Array;
    qos: 0 | 1 | 2;
    retain: boolean;
    pkt_id?: number;
    props?: { correlation_data?: Uint8Array; content_type?: string } | null;
  }
  export interface Ack {
    reason?: number;
    answers?: number[];
  }
  export type Topic = [filter: string, options: { qos: 0 | 1 }];
  export interface Topics {
    topics: Topic[];
  }
  export class MQTTError extends Error {
    reason: number;
  }
  export class MQTTClient {
    constructor(options: {
      keep_alive?: number;
      sess_stg?: null;
      on_mqtt_type: {
        mqtt_publish?: (packet: Publish) => void;
        mqtt_disconnect?: (packet: Ack) => void;
      };
    });
    with(methods: Record<string, (...args: never[]) => unknown>): this;
    with_websock(socket: import('./framer').PacketSocket): this;
    connect(packet: {
      client_id: string;
      username: string;
      password: string;
      keep_alive: number;
      flags: { clean_start: boolean };
      props: { maximum_packet_size: number };
    }): Promise<unknown>;
    disconnect(): Promise<unknown>;
    ping(): Promise<unknown>;
    puback(packet: Publish): Promise<unknown>;
    subscribe(packet: Topics): Promise<[Ack | undefined, string?]>;
    /** What connect() itself sends with: open as soon as the socket is, not only when greeted. */
    _send0(type: 'subscribe', packet: Topics, key: Topics): Promise<unknown>;
    unsubscribe(packet: { topics: string[] }): Promise<unknown>;
    pub(packet: {
      topic: string;
      payload: string;
      qos: 0 | 1;
      props?: { response_topic: string; correlation_data: Uint8Array };
    }): Promise<[Ack | undefined, string?]>;
  }
}
