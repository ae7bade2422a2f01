/** OpenSSL 3.5 as the node binary exports it: functions, and the numbers of its macros. */
import { bindProcess } from "../binding.ts";

export const openssl = bindProcess({
  BIO_ctrl: [4, "int64"],
  BIO_free: [1, "int32"],
  BIO_new: [1, "pointer"],
  BIO_new_mem_buf: [2, "pointer"],
  BIO_s_mem: [0, "pointer"],
  BIO_up_ref: [1, "int32"],
  ERR_clear_error: [0, "void"],
  ERR_error_string_n: [3, "void"],
  ERR_get_error: [0, "int64"],
  EVP_PKEY_free: [1, "void"],
  PEM_read_bio_PrivateKey: [4, "pointer"],
  PEM_read_bio_X509: [4, "pointer"],
  SSL_CIPHER_description: [3, "pointer"],
  SSL_CTX_add_client_CA: [2, "int32"],
  SSL_CTX_check_private_key: [1, "int32"],
  SSL_CTX_ctrl: [4, "int64"],
  SSL_CTX_free: [1, "void"],
  SSL_CTX_get_cert_store: [1, "pointer"],
  SSL_CTX_new: [1, "pointer"],
  SSL_CTX_set_alpn_protos: [3, "int32"],
  SSL_CTX_set_alpn_select_cb: [3, "void"],
  SSL_CTX_set_client_hello_cb: [3, "void"],
  SSL_CTX_set_num_tickets: [2, "int32"],
  SSL_CTX_set_options: [2, "int64"],
  SSL_CTX_set_session_id_context: [3, "int32"],
  SSL_CTX_set_verify: [3, "void"],
  SSL_CTX_use_PrivateKey: [2, "int32"],
  SSL_CTX_use_certificate: [2, "int32"],
  SSL_client_hello_get0_ext: [4, "int32"],
  SSL_ctrl: [4, "int64"],
  SSL_do_handshake: [1, "int32"],
  SSL_free: [1, "void"],
  SSL_get0_alpn_selected: [3, "void"],
  SSL_get0_param: [1, "pointer"],
  SSL_get1_peer_certificate: [1, "pointer"],
  SSL_get_current_cipher: [1, "pointer"],
  SSL_get_error: [2, "int32"],
  SSL_get_verify_result: [1, "int64"],
  SSL_new: [1, "pointer"],
  SSL_read: [3, "int32"],
  SSL_session_reused: [1, "int32"],
  SSL_set1_host: [2, "int32"],
  SSL_set_SSL_CTX: [2, "pointer"],
  SSL_set_accept_state: [1, "void"],
  SSL_set_bio: [3, "void"],
  SSL_set_connect_state: [1, "void"],
  SSL_set_hostflags: [2, "void"],
  SSL_set_session_id_context: [3, "int32"],
  SSL_set_verify: [3, "void"],
  SSL_shutdown: [1, "int32"],
  SSL_version: [1, "int32"],
  SSL_write: [3, "int32"],
  TLS_client_method: [0, "pointer"],
  TLS_server_method: [0, "pointer"],
  X509_STORE_add_cert: [2, "int32"],
  X509_VERIFY_PARAM_set1_ip_asc: [2, "int32"],
  X509_free: [1, "void"],
  i2d_X509: [2, "int32"],
});

/** Commands of SSL_CTX_ctrl, SSL_ctrl and BIO_ctrl, named as their macros. */
export const CTRL = {
  mode: 33n,
  sessionCacheMode: 44n,
  setTlsextHostname: 55n,
  setTlsextTicketKeys: 59n,
  chainCert: 89n,
  setMinProtoVersion: 123n,
  pending: 10n,
  setBufMem: 114n,
  bufMemEofReturn: 130n,
} as const;

export const TLS1_2 = 0x0303;
export const TLS1_3 = 0x0304;

/** SSL_MODE_ENABLE_PARTIAL_WRITE, ACCEPT_MOVING_WRITE_BUFFER, RELEASE_BUFFERS. */
export const MODES = 0x13n;
/** SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_COMPRESSION. */
export const OPTIONS = (1n << 30n) | (1n << 17n);

export const SSL_ERROR_WANT_READ = 2;
export const SSL_ERROR_ZERO_RETURN = 6;

export const SSL_VERIFY_NONE = 0n;
export const SSL_VERIFY_PEER = 1n;
/** Of SSL_VERIFY_PEER and SSL_VERIFY_FAIL_IF_NO_PEER_CERT. */
export const SSL_VERIFY_REQUIRED = 3n;

/** What a client-hello callback returns. */
export const CLIENT_HELLO_ERROR = 0;
export const CLIENT_HELLO_SUCCESS = 1;
/** What an ALPN callback returns. */
export const ALPN_OK = 0;
export const ALPN_ALERT_FATAL = 2;
export const ALPN_NOACK = 3;

export const ALERT_UNRECOGNIZED_NAME = 112;

export const EXTENSION_SERVER_NAME = 0n;
export const EXTENSION_SIGNATURE_ALGORITHMS = 13n;

/** -1 as a 32-bit and as a 64-bit argument: the pointer signature refuses a negative. */
export const MINUS_ONE = 0xffff_ffffn;
export const MINUS_ONE_LONG = 0xffff_ffff_ffff_ffffn;
