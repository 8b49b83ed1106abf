import paymentService from '@sekali/client';
import '@sekali/vue/style.css';
import { createApp } from 'vue';
import App from './App.vue';
import { recordedFetch } from './exchanges.js';
import { currentToken } from './session.js';
import './style.css';

paymentService.configure({ fetch: recordedFetch, getToken: currentToken });

createApp(App).mount('#app');
