() => setTimeout(() => document.querySelector('#overlay').scrollIntoView({block: 'center'}), 100)
